import DefaultTheme from 'vitepress/theme';
import LiveStream from './LiveStream.vue';

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('LiveStream', LiveStream);
  },
};
