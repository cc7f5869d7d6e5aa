/**
 * Room for what a batch makes: it lives as long as a transaction, and with the default of 16 MB it was copied twice before it
 * died: a third of all garbage collection.
 */
export const memoryArguments = ['--max-semi-space-size=32'];

/** How Node runs one of our processes, before its main file: TypeScript as it stands. */
export const nodeArguments = [...memoryArguments, '--import', 'tsx'];
