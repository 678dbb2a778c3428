/** Closes what was opened, the last first. */

/** Something that is closed when it is no longer needed. */
export interface Closable {
  close(): Promise<void>
}

/** What is still open, in the order of opening. */
export class Closers implements Closable {
  readonly #all: (() => unknown)[] = []

  add(close: () => unknown): void {
    this.#all.push(close)
  }

  /** Closes all, even if some fail, and throws the first error. Repeating it does nothing. */
  async close(): Promise<void> {
    const errors: unknown[] = []
    for (const close of this.#all.splice(0).reverse())
      try {
        await close()
      } catch (error) {
        errors.push(error)
      }
    if (errors.length > 0) throw errors[0]
  }
}

/** Runs `open`, which adds what has to be closed; if it fails, closes that and throws its error. */
export async function openAll<T extends object>(
  open: (closers: Closers) => Promise<T>,
): Promise<T & Closable> {
  const closers = new Closers()
  try {
    return { ...(await open(closers)), close: () => closers.close() }
  } catch (error) {
    await closers.close().catch(() => undefined)
    throw error
  }
}

/**
 * Runs `use`, then `closes` in their order, all of them whatever happens. The first error is the
 * one that is thrown: what goes wrong while things are closed often only follows from it.
 */
export async function thenClose<T>(
  use: () => Promise<T>,
  ...closes: readonly (() => unknown)[]
): Promise<T> {
  const closers = new Closers()
  for (const close of closes.toReversed()) closers.add(close)
  let result: T
  try {
    result = await use()
  } catch (error) {
    await closers.close().catch(() => undefined)
    throw error
  }
  await closers.close()
  return result
}
