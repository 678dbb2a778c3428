/**
 * Tells errors of DuckDB that lie in the data, such as a text that can't be cast, from all others:
 * a missing table, a full disk, too little memory, an interrupt. DuckDB only says so in the
 * beginning of its message.
 */

const KINDS = [
  'Conversion',
  'Out of Range',
  'Invalid Input',
  'Divide by Zero',
  'Mismatch Type',
  'Invalid type',
  'Object Size',
  'Constraint',
]

const DATA_ERROR = new RegExp(`^(${KINDS.join('|')}) Error: `)

/** Runs a statement; the message if it fails because of the data. Throws any other error. */
export async function catchDataError(run: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await run()
    return undefined
  } catch (error) {
    const message = readDataError(error)
    if (message === undefined) throw error
    return message
  }
}

/** The first line of the error's message if the error lies in the data, else undefined. */
export function readDataError(error: unknown): string | undefined {
  if (!(error instanceof Error) || !DATA_ERROR.test(error.message)) return undefined
  return error.message.split('\n')[0]?.trim()
}
