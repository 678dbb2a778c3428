import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quoteShellWord } from '../../../cli/domain/kernel/shell-word.ts'

const printWith = (word: string) => execFileSync('sh', ['-c', `printf %s ${word}`]).toString()

test('a shell takes any text as one word, and runs nothing of it', () => {
  const hostile = ['utm_campaign=$(id)', '`id`', "it's", '(direct)', 'a;id', 'a b', '!x', '', '~']
  for (const text of hostile) expect(printWith(quoteShellWord(text))).toBe(text)
  const texts = fc.string({ unit: 'grapheme-ascii' }).filter((text) => !text.includes('\0'))
  fc.assert(
    fc.property(texts, (text) => printWith(quoteShellWord(text)) === text),
    { numRuns: 50, seed: 7 },
  )
})

test('a plain word is shown as it is', () => {
  expect(quoteShellWord('shop_date=2026-10-25')).toBe('shop_date=2026-10-25')
})
