/** The data of a `start` whose life is kept whole, however much it is: what is produced. @internal */
export const KEPT_WHOLE = 'whole';
