/** What survives JSON: inputs, outputs and before-images are kept as this. */
export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
