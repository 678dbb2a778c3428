/** Archives as Superset's import takes them and its export gives them. */
import { expect, test } from 'vitest'
import { makeZip, readZip } from '../../../cli/adapters/process/zip.ts'

/** Written by Python's zipfile: a folder, a compressed file, an empty one, and a remark. */
const FROM_PYTHON =
  'UEsDBBQAAAAIAKKtfl0AAAAAAgAAAAAAAAAFAAAAcm9vdC8DAFBLAwQUAAAACACirX5dTLrDoREAAADwAAAACwAAAH' +
  'Jvb3QvYS55YW1sy0vMTbVS8D68LSePK28EsAFQSwMEFAAAAAgAoq1+XQAAAAACAAAAAAAAAAsAAAByb290L2IueWFt' +
  'bAMAUEsBAhQDFAAAAAgAoq1+XQAAAAACAAAAAAAAAAUAAAAAAAAAAAAQAP1BAAAAAHJvb3QvUEsBAhQDFAAAAAgAoq' +
  '1+XUy6w6ERAAAA8AAAAAsAAAAAAAAAAAAAAIABJQAAAHJvb3QvYS55YW1sUEsBAhQDFAAAAAgAoq1+XQAAAAACAAAA' +
  'AAAAAAsAAAAAAAAAAAAAAIABXwAAAHJvb3QvYi55YW1sUEsFBgAAAAADAAMApQAAAIoAAAAOAG1hZGUgZWxzZXdoZX' +
  'Jl'

test('what was written is read again', () => {
  const files = { 'ccs/metadata.yaml': 'version: 1', 'ccs/ä.yaml': '{"name":"Köln"}', empty: '' }
  expect(Object.fromEntries(readZip(makeZip(files)))).toEqual(files)
})

test('compressed files of another program are read, and folders left out', () => {
  const files = readZip(Buffer.from(FROM_PYTHON, 'base64'))
  expect([...files]).toEqual([
    ['root/a.yaml', 'name: Köln\n'.repeat(20)],
    ['root/b.yaml', ''],
  ])
})

test('what is no archive, or a damaged one, is an error', () => {
  expect(() => readZip(Buffer.from('<html>an error page</html>'))).toThrow(
    'This is no zip archive.',
  )
  const bytes = makeZip({ a: 'text' })
  bytes.writeUInt32LE(7, bytes.length - 22 + 16)
  expect(() => readZip(bytes)).toThrow('The zip archive is damaged.')
})
