import { client } from "example:Centrifuge";

/** A call on the same connection. */
export const query = async () => (await client.rpc("now", {})).data;

export const close = () => client.disconnect();
