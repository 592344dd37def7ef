export { backplaneContract, type SseContractCase } from './backplane-contract.js';
export type { SseBackplaneSubject } from './backplane-subject.js';
