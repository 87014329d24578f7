// What the tests need to be told of the machine. `npm test` tells it.

/** An environment variable that must be set. */
export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this by \`npm test -- --only SUITE\``);
  return value;
}
