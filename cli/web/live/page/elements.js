/** Creates elements. All text is set as textContent, so shop data is never parsed as HTML. */

const SVG = 'http://www.w3.org/2000/svg'

/**
 * @param {string} tag with optional classes: `span.soft.number`
 * @param {...(string | Node | undefined)} children
 * @returns {HTMLElement}
 */
export function make(tag, ...children) {
  const [name = 'span', ...classes] = tag.split('.')
  const element = document.createElement(name)
  if (classes.length > 0) element.className = classes.join(' ')
  for (const child of children) if (child !== undefined) element.append(child)
  return element
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElement}
 */
export function makeSvg(tag, attributes) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  return element
}

/**
 * A formatted number that keeps its exact value: `value` is the SELECT's answer, `text` is shown.
 * @param {unknown} value
 * @param {string} text
 * @param {string} [classes]
 */
export function makeData(value, text, classes = '') {
  const element = document.createElement('data')
  element.value = value === null || value === undefined ? '' : String(value)
  element.textContent = text
  if (classes) element.className = classes
  return element
}

/**
 * Writes only if the text differs: an unchanged node keeps its selection and its layout.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * The element of index.html with this id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id)
  if (!element) throw new Error(`index.html has no #${id}.`)
  return element
}

/**
 * A sentence whose `backticked` parts are set as code.
 * @param {string} tag
 * @param {string} text
 */
export function makeProse(tag, text) {
  return make(tag, ...text.split('`').map((part, i) => (i % 2 === 1 ? make('code', part) : part)))
}
