// Ratios of what was measured side by side.

/** Standard deviations that 95 % of a normal distribution are within. */
const DEVIATIONS = 1.96;

/**
 * The median of ratios and its 95 % interval, which is that between the order statistics that a binomial distribution
 * allows for (David and Nagaraja: Order Statistics, 2003, 7.1): it assumes nothing of how the ratios are distributed.
 */
export function medianRatio(ratios) {
  const sorted = ratios.toSorted((a, b) => a - b);
  const { length } = sorted;
  const reach = (DEVIATIONS * Math.sqrt(length)) / 2;
  const at = (position) => sorted[Math.min(length - 1, Math.max(0, Math.round(position)))];
  return { ratio: at((length - 1) / 2), interval: [at(length / 2 - reach - 1), at(length / 2 + reach)] };
}

/**
 * `{ figure, subject, ratio, interval }` of each subject but the base, which the others are divided by, round by round.
 * `samples` has what was measured in each round, by subject.
 */
export const rowsOf = ({ figure, base, samples }) =>
  Object.entries(samples)
    .filter(([subject]) => subject !== base)
    .map(([subject, values]) => ({
      figure,
      subject,
      ...medianRatio(values.map((value, round) => value / samples[base][round])),
    }));
