import type { Config } from './config.ts';

/** What of the configuration nobody may read in a log. */
export type SecretConfig = Partial<Pick<Config, 'API_TOKENS' | 'DATABASE_URL' | 'REDIS_URL'>>;

/** A shorter secret would stand in half of all words: taking it out would spoil the log and hide nothing. */
const shortestSecret = 8;
const shown = '***';

/** `scheme://user:password@`, whosever URL it is; and what stands in an Authorization header. */
const passwordInUrl = /([a-z][a-z\d+.-]*:\/\/[^\s"/@:]*):[^\s"/@]+@/gi;
const credentials = /\b(bearer|basic) +[\w.~+/=:-]{8,}/gi;

/** Without the passwords of URLs in it. */
export const hideUrlPasswords = (text: string): string =>
  text.replaceAll(passwordInUrl, `$1:${shown}@`);

/**
 * Takes secrets out of a line of the log, wherever in it they stand (an error's message, a stack): the tokens and passwords of
 * the configuration, passwords in URLs, and credentials of HTTP.
 */
export function createScrubber({
  API_TOKENS = [],
  ...urls
}: SecretConfig): (line: string) => string {
  const passwords = [urls.DATABASE_URL, urls.REDIS_URL].flatMap((url) =>
    url === undefined || !URL.canParse(url) ? [] : passwordsIn(url),
  );
  const secrets = [...new Set([...API_TOKENS, ...passwords])]
    .filter((secret) => secret.length >= shortestSecret)
    // As they stand in JSON; the longest first, so that none is left in parts.
    .map((secret) => JSON.stringify(secret).slice(1, -1))
    .sort((one, other) => other.length - one.length);
  return (line) => {
    let scrubbed = hideUrlPasswords(line).replaceAll(credentials, `$1 ${shown}`);
    for (const secret of secrets) scrubbed = scrubbed.replaceAll(secret, shown);
    return scrubbed;
  };
}

/** As it stands in the URL, and as it is sent. */
function passwordsIn(url: string): string[] {
  const { password } = new URL(url);
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
