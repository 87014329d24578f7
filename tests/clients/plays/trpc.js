import { client, connection } from "example:tRPC";

/** A call on the same connection. */
export const query = () => client.now.query();

export const close = () => connection.close();
