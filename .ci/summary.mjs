// node summary.mjs RESULTS STATUS: prints `N passed, N failed` from vitest's JSON results, and fails if anything did.
import fs from 'node:fs';

/** A file that could not even be loaded has no tests to count, yet it failed. */
const failedToLoad = ({ status, assertionResults }) =>
  status === 'failed' && !assertionResults.some((test) => test.status === 'failed');

function read(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    process.stderr.write(`no results from vitest: ${error.message}\n`);
    return { numPassedTests: 0, numFailedTests: 0, testResults: [], success: false };
  }
}

const [file, status] = process.argv.slice(2);
const { numPassedTests: passed, numFailedTests, testResults, success } = read(file);
const failed = numFailedTests + testResults.filter(failedToLoad).length;
// An error outside of any test fails the run without failing a test.
const broken = failed > 0 || !success || status !== '0' || passed === 0;
console.log(`${passed} passed, ${broken ? Math.max(failed, 1) : 0} failed`);
process.exitCode = broken ? 1 : 0;
