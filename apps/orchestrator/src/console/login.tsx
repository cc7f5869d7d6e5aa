/** @jsxRuntime automatic @jsxImportSource hono/jsx */

/** The way in for a browser, where API_TOKENS is set. */
export const Login = ({ to, problem }: { to: string; problem: string | null }) => (
  <div class="login">
    <h1>Sign in</h1>
    {problem === null ? null : (
      <p class="notice bad" role="alert">
        {problem}
      </p>
    )}
    <form method="post" action="/login">
      <input type="hidden" name="to" value={to} />
      <div class="fields">
        <label for="token">Token (one of API_TOKENS)</label>
        <input
          id="token"
          name="token"
          type="password"
          autocomplete="current-password"
          required
          autofocus
        />
      </div>
      <p class="acts">
        <button class="button main" type="submit">
          Sign in
        </button>
      </p>
    </form>
  </div>
);
