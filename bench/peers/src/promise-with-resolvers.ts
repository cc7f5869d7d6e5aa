/** The Restate SDK uses it; Node has it from version 22. */
if (!('withResolvers' in Promise))
  Object.assign(Promise, {
    withResolvers() {
      const parts: Record<string, unknown> = {};
      parts['promise'] = new Promise((resolve, reject) =>
        Object.assign(parts, { resolve, reject }),
      );
      return parts;
    },
  });
