import { ConfigError, type Config } from '@reliable-ops/runtime';

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);

/** Throws ConfigError where the configuration would let others in without a token, or cannot mean what it says. */
export function checkExposure({
  HOST,
  API_TOKENS,
  ALLOWED_HOSTS,
}: Pick<Config, 'HOST' | 'API_TOKENS' | 'ALLOWED_HOSTS'>): void {
  if (!isLoopback(HOST) && API_TOKENS.length === 0)
    throw new ConfigError(
      `HOST=${HOST}: others can reach this address, so API_TOKENS must be set (or leave HOST at 127.0.0.1)`,
    );
  for (const token of API_TOKENS)
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new ConfigError('API_TOKENS: a token must be printable ASCII without spaces');
  for (const name of ALLOWED_HOSTS)
    if (!/^([\w.-]+|\[?[\da-f:.]+\]?)$/i.test(name))
      throw new ConfigError(
        `ALLOWED_HOSTS: "${name}" must be a host name, without scheme and port`,
      );
}
