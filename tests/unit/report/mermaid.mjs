// In: a JSON list of diagrams on standard input, and a folder with the npm packages mermaid and jsdom as argument.
// Out: a JSON list of what the parser says against each, empty for nothing.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const packages = join(process.argv[2], "node_modules");
const { JSDOM } = createRequire(join(packages, "jsdom", "package.json"))("jsdom");
const page = new JSDOM("<!doctype html><body></body>");
globalThis.window = page.window;
globalThis.document = page.window.document;
const { default: mermaid } = await import(pathToFileURL(join(packages, "mermaid", "dist", "mermaid.core.mjs")));
mermaid.initialize({ startOnLoad: false, maxTextSize: 50000, maxEdges: 500 });

let text = "";
for await (const chunk of process.stdin) text += chunk;
const faults = [];
for (const diagram of JSON.parse(text)) {
  try {
    await mermaid.parse(diagram);
    faults.push("");
  } catch (error) {
    faults.push(String(error?.message ?? error));
  }
}
console.log(JSON.stringify(faults));
