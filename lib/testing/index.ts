export { backplaneContract, type SseBackplaneSubject, type SseContractCase } from './backplane-contract.js';
