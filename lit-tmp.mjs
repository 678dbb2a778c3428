import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
const ts=createRequire(import.meta.url)('typescript')
const lits=(t,f)=>{const s=ts.createSourceFile(f,t,99,true);const o=[];const v=n=>{ if((ts.isStringLiteral(n)||ts.isNoSubstitutionTemplateLiteral(n))&&/^\.{1,2}(\/|$)/.test(n.text)){const p=n.parent; if(!(ts.isImportDeclaration(p)||ts.isExportDeclaration(p)||(ts.isCallExpression(p)&&p.expression.kind===ts.SyntaxKind.ImportKeyword)||(ts.isLiteralTypeNode(p)&&ts.isImportTypeNode(p.parent)))) o.push(n.text+'  ## '+p.getText(s).slice(0,70).replace(/\s+/g,' '))} ts.forEachChild(n,v)};v(s);return o}
const all=ref=>{const m=[];const files=execFileSync('git',['ls-tree','-r','--name-only',ref,'cli','test'],{encoding:'utf8'}).split('\n').filter(f=>/\.(ts|js|mjs)$/.test(f)); for(const f of files){ const t=execFileSync('git',['show',ref+':'+f],{encoding:'utf8',maxBuffer:1e8}); if(/['"`]\.{1,2}(\/|['"`])/.test(t)) for(const x of lits(t,f)) m.push(x) } return m.sort()}
const a=all(process.argv[2]), b=all('HEAD')
const sa=new Set(a), sb=new Set(b)
console.log('gone:'); for(const x of a) if(!sb.has(x)) console.log('  ',x); console.log('new:'); for(const x of b) if(!sa.has(x)) console.log('  ',x)
