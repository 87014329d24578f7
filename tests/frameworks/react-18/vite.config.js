import react from "@vitejs/plugin-react";

/** The sources lie in the folder beside this one: what they import is to come from this one all the same. */
export default { plugins: [react()], resolve: { dedupe: ["react", "react-dom", "evenkeel"] } };
