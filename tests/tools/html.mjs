// The HTML of a page that starts with one script or module.

/** Where a page's scripts may come from, and whom it may talk to. */
const STRICT = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*",
  "img-src data:",
];

/** Content security policies, and what each forbids of what page.js tries. */
export const POLICIES = {
  none: { rules: [], forbidden: { evaluation: false, markup: false } },
  strict: { rules: [...STRICT, "worker-src 'self'"], forbidden: { evaluation: true, markup: false } },
  "strict, Trusted Types": {
    rules: [...STRICT, "require-trusted-types-for 'script'"],
    forbidden: { evaluation: true, markup: true },
  },
};

/** `script`: the attributes of the element that starts it. `before`: another one, and the hash by which it is allowed. */
export function html(script, policy, { before = "", hash } = {}) {
  const rules = POLICIES[policy].rules.map((rule) =>
    hash ? rule.replace("script-src", `script-src '${hash}'`) : rule,
  );
  const meta = rules.length ? `<meta http-equiv="Content-Security-Policy" content="${rules.join("; ")}" />` : "";
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    ${meta}
    <title>A page that the package is built into</title>
    <link rel="icon" href="data:," />
    ${before}
    <script ${script}></script>
  </head>
  <body></body>
</html>
`;
}
