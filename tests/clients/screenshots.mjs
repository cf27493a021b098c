// Takes a picture of every page a person meets, at phone and desktop width, light and dark, and checks what a picture does not show.
// Input: folder, home_url, setup_url, authorize_url, identity_url, end_session_url, unknown_client_url, person {email, display_name, password}; when it asks, a reset link.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { newPerson, setUp, signIn, withBrowser } from './browser.mjs';
import { handOver, input, run, step } from './steps.mjs';

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };
const SCHEMES = ['light', 'dark'];

/** Problems of the page as it stands, whatever its looks. */
function inspect() {
  const problems = [];
  const root = document.documentElement;
  if (!root.lang) problems.push('the page has no language');
  if (!document.title) problems.push('the page has no title');
  if (document.querySelectorAll('h1').length !== 1) problems.push('the page has not exactly one h1');
  if (!document.querySelector('main')) problems.push('the page has no main landmark');
  if (root.scrollWidth > root.clientWidth) problems.push(`it is ${root.scrollWidth} wide in ${root.clientWidth}`);
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    if (!field.labels?.length && !field.getAttribute('aria-label')) problems.push(`${field.name} has no label`);
  }
  for (const control of document.querySelectorAll('button, input:not([type=hidden]):not([type=checkbox]):not([type=radio])')) {
    if (control.getBoundingClientRect().height < 24) problems.push(`${control.name || control.type} is hard to hit`);
  }
  for (const element of document.querySelectorAll('script:not([src]), [style]')) problems.push(`inline ${element.tagName}`);
  return problems;
}

async function photograph(page, name) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      const file = `${name}-${size}-${colorScheme}.png`;
      // Before the picture: to hide carets the picture-taker writes styles of its own into the page.
      const problems = await page.evaluate(inspect);
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      await page.screenshot({ path: join(input.folder, file), fullPage: true, caret: 'initial' });
      step('page', { name, size, color_scheme: colorScheme, file, background, title: await page.title(), problems });
    }
  }
}

await run(() =>
  withBrowser(async (browser) => {
    await mkdir(input.folder, { recursive: true });
    const first = await newPerson(browser);
    await first.page.goto(input.home_url);
    await photograph(first.page, 'home-not-set-up');
    await first.page.goto(input.setup_url);
    await photograph(first.page, 'set-up');
    await first.page.evaluate(() => (document.querySelector('#setup-form').noValidate = true)); // so that the server answers
    await setUp(first.page, { ...input.person, password: 'short' });
    await first.page.waitForSelector('#setup-form');
    await photograph(first.page, 'set-up-refused');
    await setUp(first.page, input.person);
    await first.page.waitForSelector('body:not(:has(#setup-form))');
    await photograph(first.page, 'set-up-done');
    await first.page.goto(input.setup_url);
    await photograph(first.page, 'set-up-link-used');
    await first.page.goto(input.home_url);
    await photograph(first.page, 'home');

    const second = await newPerson(browser);
    await second.page.goto(input.authorize_url);
    await photograph(second.page, 'sign-in');
    await signIn(second.page, { ...input.person, password: 'not the password of anybody' });
    await second.page.waitForSelector('#sign-in-form');
    await photograph(second.page, 'sign-in-refused');
    await signIn(second.page, input.person);
    await second.page.waitForSelector('#consent-form');
    await photograph(second.page, 'consent');
    await second.page.goto(input.identity_url);
    await photograph(second.page, 'consent-identity');
    await second.page.goto(input.end_session_url);
    await photograph(second.page, 'end-session');
    await second.page.goto(`${input.home_url}/change-password`);
    await second.page.waitForSelector('input[type=password]');
    await photograph(second.page, 'change-password');
    const stepUpUrl = await handOver('allow_access');
    await second.page.goto(input.home_url);
    await second.page.waitForSelector('#end-grant-1-1-1-form');
    await photograph(second.page, 'home-with-access');
    await second.page.goto(stepUpUrl);
    await second.page.waitForSelector('#step-up-form');
    await photograph(second.page, 'step-up');
    await handOver('make_organizations');
    await second.page.goto(input.authorize_url);
    await second.page.waitForSelector('.organizations');
    await photograph(second.page, 'consent-organizations');
    await second.page.evaluate(() => (document.querySelector('#consent-form').noValidate = true)); // so that the server answers
    await second.page.click('button[value=allow]');
    await second.page.waitForSelector('#problem');
    await photograph(second.page, 'consent-organizations-refused');
    await second.page.goto(input.unknown_client_url);
    await photograph(second.page, 'error-unknown-client');
    await second.page.goto(await handOver('make_reset_link'));
    await photograph(second.page, 'reset-password');
    step('browser', { complaints: [...first.complaints, ...second.complaints] });
  }),
);
