/** Cases that are not as they should be yet. Each must fail; one that holds is to be taken out. */
export const notYet: readonly string[] = [];
