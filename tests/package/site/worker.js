import { hello } from "./hello.js";

const serve = (port) => {
  port.onmessage = async ({ data }) => port.postMessage(await hello(data));
};

// A dedicated worker is its own port; a shared one gets one from every page.
if (self.onconnect === undefined) serve(self);
else self.onconnect = ({ ports }) => serve(ports[0]);
