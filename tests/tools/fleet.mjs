/** Lists are made often and deaths are noticed soon, so that tests wait for the client only. */
export const FLEET = { refresh: 100, detection: 300, servers: [{ count: 3 }] };
