/** Ids, numbers and sizes: what needs nothing of the page. */

/** @returns {string} a random UUID; crypto.randomUUID is missing on pages without TLS */
export const makeId = () => {
  return '00000000-0000-4000-8000-000000000000'.replace(/0/g, () =>
    (crypto.getRandomValues(new Uint8Array(1))[0] % 16).toString(16),
  )
}

/**
 * Hundredths of a decimal text: `19.99` is 1999. Rounding is exact here: for all amounts that the
 * contract allows, the product is less than 0.001 beside the whole number that is meant. Any other
 * text is returned as it is, so that the collector rejects it and says why.
 * @param {string} text
 * @returns {number | string}
 */
export const toMinor = (text) => (/^\d+(\.\d\d?0*)?$/.test(text) ? Math.round(+text * 100) : text)

/**
 * A number that is not negative; any other text as it is.
 * @param {string} text
 * @returns {number | string}
 */
export const toNumber = (text) => (+text >= 0 ? +text : text)

/**
 * Bytes on the wire.
 * @param {string} text
 */
export const sizeOf = (text) => new Blob([text]).size
