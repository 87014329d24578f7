import { client } from "example:graphql-ws";

/** A question on the same connection. */
export const query = () =>
  new Promise((resolve, reject) => {
    client.subscribe({ query: "{ now }" }, { next: ({ data }) => resolve(data.now), error: reject, complete() {} });
  });

export const close = () => client.dispose();
