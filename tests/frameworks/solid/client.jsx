import { createSignal, Show } from "solid-js";
import { render } from "solid-js/web";
import { Chat } from "./Chat.jsx";

const element = document.querySelector("#app");
const [seed, setSeed] = createSignal();
let dispose;
const page = () => (
  <Show when={seed()} keyed>
    {(seed) => <Chat seed={seed} />}
  </Show>
);
window.fixture = {
  mount(props) {
    setSeed(props.seed);
    dispose = render(page, element);
  },
  update: (props) => setSeed(props.seed),
  unmount: () => dispose(),
};
