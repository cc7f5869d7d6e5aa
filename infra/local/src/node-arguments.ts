/**
 * How Node runs one of our processes, before its main file: TypeScript as it stands, and room for what a batch makes. It lives
 * as long as a transaction, and with the default of 16 MB it was copied twice before it died: a third of all garbage collection.
 */
export const nodeArguments = ['--max-semi-space-size=32', '--import', 'tsx'];
