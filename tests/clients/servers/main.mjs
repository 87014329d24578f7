// Runs one of these servers on a free port, which it tells its parent; ends when that does.

import { createServer } from "node:http";

const { serve } = await import(`./${process.argv[2]}.mjs`);
const http = createServer((_, response) => response.writeHead(404).end());
await serve(http);
http.listen(0, "127.0.0.1", () => process.send({ port: http.address().port }));
process.on("disconnect", () => process.exit());
