import { StrictMode } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { Chat } from "./Chat.jsx";
import { Probe } from "./Probe.jsx";

const element = document.querySelector("#app");
let root;
const page = (props) => (
  <StrictMode>
    <Chat {...props} />
  </StrictMode>
);
window.fixture = {
  mount(props) {
    root = createRoot(element);
    root.render(page(props));
  },
  hydrate(html, props) {
    element.innerHTML = html;
    root = hydrateRoot(element, page(props));
  },
  update: (props) => root.render(page(props)),
  unmount: () => root.unmount(),
  probe(props) {
    root ??= createRoot(element);
    root.render(<Probe {...props} />);
  },
  strictProbe(props) {
    root ??= createRoot(element);
    root.render(
      <StrictMode>
        <Probe {...props} />
      </StrictMode>,
    );
  },
};
