import { hydrate, mount, unmount } from "svelte";
import Chat from "./Chat.svelte";

const target = document.querySelector("#app");
let chat;
const props = $state({});
window.fixture = {
  mount(given) {
    Object.assign(props, given);
    chat = mount(Chat, { target, props });
  },
  hydrate(html, given) {
    target.innerHTML = html;
    Object.assign(props, given);
    chat = hydrate(Chat, { target, props });
  },
  update: (given) => Object.assign(props, given),
  unmount: () => unmount(chat),
};
