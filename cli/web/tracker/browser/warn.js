/** Messages for whoever builds the shop; nothing else of what goes wrong reaches the page. */

/** @type {Record<string, true>} */
const said = {}

/**
 * Writes each message once per page.
 * @param {unknown[]} words
 */
export const warn = (...words) => {
  const text = words.join(' ')
  // biome-ignore lint/suspicious/noConsole: the one place that writes to the browser's console.
  if (!said[text]) console.warn('ccs:', text)
  said[text] = true
}

/**
 * The same function, but what it throws becomes a message.
 * @template {unknown[]} A
 * @param {(...args: A) => void} run
 * @returns {(...args: A) => void}
 */
export const guard = (run) => {
  return (...args) => {
    try {
      run(...args)
    } catch (error) {
      warn(error)
    }
  }
}

/**
 * Listens on the window before the page's own code does.
 * @param {string} types
 * @param {(event: any) => void} run
 */
export const on = (types, run) => {
  for (const type of types.split(' ')) addEventListener(type, guard(run), true)
}
