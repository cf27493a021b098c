// Debian's Chromium, driven as a person would drive it. Pages are known by the ids of their forms only.
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
const PAGE_TIMEOUT_MILLISECONDS = 15_000;
const FLAGS = [
  '--no-sandbox', // the tests may run as root
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-features=LocalNetworkAccessChecks', // a page of another site asks servers on loopback, which stand for public ones
];

/** Starts a browser and gives `work` a page; what the page complains about is collected in `complaints`. */
export async function withBrowser(work) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, headless: true, args: FLAGS });
  try {
    return await work(browser);
  } finally {
    await browser.close();
  }
}

/** A person with a browser profile of their own. `javaScript: false` shows that pages work without it. */
export async function newPerson(browser, { javaScript = true } = {}) {
  const context = await browser.newContext({ javaScriptEnabled: javaScript });
  context.setDefaultTimeout(PAGE_TIMEOUT_MILLISECONDS);
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    // Chromium reports every 4xx answer as a console error; those are looked at by their status.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(`console: ${message.text()}`);
    }
  });
  return { context, page, complaints };
}

export async function signIn(page, { email, password }) {
  await page.fill('#sign-in-form input[name=email]', email);
  await page.fill('#sign-in-form input[name=password]', password);
  await page.click('#sign-in-form button[type=submit]');
}

export async function setUp(page, { email, display_name, password }) {
  await page.fill('#setup-form input[name=email]', email);
  await page.fill('#setup-form input[name=display_name]', display_name);
  await page.fill('#setup-form input[name=password]', password);
  await page.click('#setup-form button[type=submit]');
}

/** Opens an authorization URL, signs in when asked to, and decides. Returns what the person saw on the way. */
export async function authorize(page, url, person, decision = 'allow') {
  const seen = { signed_in: false, consent_text: null };
  await page.goto(url);
  await page.waitForSelector('#sign-in-form, #consent-form');
  if (await page.locator('#sign-in-form').count()) {
    await signIn(page, person);
    await page.waitForSelector('#consent-form');
    seen.signed_in = true;
  }
  seen.consent_text = await page.locator('body').innerText();
  await page.click(`#consent-form button[name=decision][value=${decision}]`);
  return seen;
}

/** Opens the link on which a grant is widened, signs in when asked to, and allows. Returns what the person saw on the way. */
export async function allowMore(page, link, person) {
  const seen = { signed_in: false };
  await page.goto(link);
  await page.waitForSelector('#sign-in-form, #step-up-form');
  if (await page.locator('#sign-in-form').count()) {
    await signIn(page, person);
    await page.waitForSelector('#step-up-form');
    seen.signed_in = true;
  }
  seen.asked_text = await page.locator('body').innerText();
  await page.click('#step-up-form button[name=decision][value=allow]');
  await page.waitForSelector('body:not(:has(#step-up-form))');
  seen.answer_text = await page.locator('body').innerText();
  return seen;
}
