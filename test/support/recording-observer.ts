import type { Observer } from '../../lib/connection/observer.js';
import { Facts } from './facts.js';

/** An observer that writes down what it is told, as text: `opened /feed`. */
export class RecordingObserver extends Facts implements Observer {
  opened: Observer['opened'] = ({ route }) => this.tell(`opened ${route}`);
  firstEvent: Observer['firstEvent'] = ({ route }) => this.tell(`first event ${route}`);
  closed: Observer['closed'] = ({ route }, { code }) => this.tell(`closed ${route} ${code}`);
  refused: Observer['refused'] = (route, code) => this.tell(`refused ${route} ${code}`);
  dropped: Observer['dropped'] = ({ route }) => this.tell(`dropped ${route}`);
  gap: Observer['gap'] = ({ route }, channels, reason) => this.tell(`gap ${route} ${channels.join()} ${reason}`);
  replayed: Observer['replayed'] = ({ route }, events) => this.tell(`replayed ${route} ${events}`);
  published: Observer['published'] = (channel) => this.tell(`published ${channel}`);
  publishFailed: Observer['publishFailed'] = (channel) => this.tell(`not published ${channel}`);
  backplaneChanged: Observer['backplaneChanged'] = (isUp) => this.tell(`backplane ${isUp ? 'up' : 'down'}`);
  draining: Observer['draining'] = (connections) => this.tell(`draining ${connections}`);
  failed: Observer['failed'] = (error) => this.tell(`failed ${String(error)}`);
}
