/** Between two numbers of a stream, in ms. */
export const PACE = 50;
