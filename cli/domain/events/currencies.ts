/**
 * Codes of ISO 4217, which the contract allows as a currency: those in use, and those withdrawn
 * since 2001, which the history of a shop may have. Without metals, test codes and funds.
 * Source: https://www.six-group.com/en/products-services/financial-information/data-standards.html
 */
const CODES = `
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
CAD CDF CHF CLP CNY COP CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD
KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO
NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL
SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV
WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL
AFA AOR AZM BEF BYR CSD CYP DEM ECS EEK ESP FIM FRF GHC GRD GWP IEP ITL LTL LUF LVL MGF MRO MTL MZM
NLG PTE ROL SDD SIT SKK SRG STD TMM TRL UYP VEB VEF YUM ZMK ZWD ZWR
`

/** The codes in capitals, in no order. */
export const CURRENCIES: ReadonlySet<string> = new Set(CODES.trim().split(/\s+/))

const LETTERS = 26

/** 1 at the index of each code, read as a number of three digits of base 26. */
const TABLE = new Uint8Array(LETTERS ** 3)
for (const code of CURRENCIES)
  TABLE[indexOf(code.charCodeAt(0), code.charCodeAt(1), code.charCodeAt(2))] = 1

/** Whether three bytes of ASCII are a code of CURRENCIES. */
export function isCurrencyCode(first: number, second: number, third: number): boolean {
  const isCapital = (byte: number) => byte >= 65 && byte <= 90
  return (
    isCapital(first) &&
    isCapital(second) &&
    isCapital(third) &&
    TABLE[indexOf(first, second, third)] === 1
  )
}

function indexOf(first: number, second: number, third: number): number {
  return ((first - 65) * LETTERS + second - 65) * LETTERS + third - 65
}
