const platforms = ['express', 'fastify'];

/** `figure` divided by `of` may be `limit` at most. A figure is [scenario, subject, metric]. */
export const aims = [
  ...platforms.flatMap((platform) => [
    ...['fanout-1000', 'fanout-10000'].flatMap((scenario) => [
      { figure: [scenario, `ours-${platform}`, 'cpu'], of: [scenario, 'socket', 'cpu'], limit: 1.1 },
      { figure: [scenario, `ours-${platform}`, 'cpu'], of: [scenario, `nest-${platform}`, 'cpu'], limit: 0.35 },
    ]),
    { figure: ['ten', `ours-${platform}`, 'cpu'], of: ['fanout-1000', `ours-${platform}`, 'cpu'], limit: 0.15 },
    { figure: ['three', `ours-${platform}`, 'cpu'], of: ['fanout-1000', `ours-${platform}`, 'cpu'], limit: 1.3 },
    { figure: ['idle', `ours-${platform}`, 'rss'], of: ['idle', platform, 'rss'], limit: 1.2 },
    { figure: ['accept', `ours-${platform}`, 'cpu'], of: ['accept', `nest-${platform}`, 'cpu'], limit: 0.75 },
    {
      figure: ['accept', `ours-${platform}-intercepted`, 'cpu'],
      of: ['accept', `nest-${platform}-intercepted`, 'cpu'],
      limit: 1,
    },
    { figure: ['generator', `ours-${platform}`, 'cpu'], of: ['generator', 'node', 'cpu'], limit: 1.3 },
  ]),
  { figure: ['answers', 'answer-batch', 'duration'], of: ['answers', 'answer-unstored', 'duration'], limit: 1.05 },
  { figure: ['answers', 'answer-batch', 'firstToken'], of: ['answers', 'answer-each', 'firstToken'], limit: 1.1 },
];

/** Whether an aim speaks of a subject's figures in a scenario: then they are to be known better than others. */
export function isAimed(scenario, subject) {
  return aims.some(({ figure, of }) => [figure, of].some((place) => place[0] === scenario && place[1] === subject));
}
