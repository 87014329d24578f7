import { subscription } from "example:RxJS";

export const close = () => subscription.unsubscribe();
