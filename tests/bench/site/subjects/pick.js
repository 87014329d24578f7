/** What the users of any other socket write: the list, and of it any server that is available. */
export async function pick(list) {
  const { servers } = await (await fetch(list, { cache: "no-cache" })).json();
  const available = servers.filter(({ available }) => available);
  return available[Math.floor(Math.random() * available.length)].url;
}

/** The socket, once it is open. */
export const opened = (socket) =>
  new Promise((resolve) => {
    socket.addEventListener("open", () => resolve(socket));
  });
