// Says what parts of a file cost: reads `{ "file": …, "parts": [[[from, to], …], …] }` and prints the brotli bytes of the
// file as it is, and without each of the parts, as JSON.

import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

const compress = promisify(brotliCompress);
const { file, parts } = JSON.parse(await text(process.stdin));
const content = await readFile(file);
console.log(JSON.stringify(await Promise.all([[], ...parts].map(without))));

async function without(ranges) {
  const kept = [];
  let end = 0;
  for (const [from, to] of ranges) {
    kept.push(content.subarray(end, from));
    end = to;
  }
  kept.push(content.subarray(end));
  const compressed = await compress(Buffer.concat(kept), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  return compressed.length;
}
