/* Scans that the server has not answered yet, kept in the browser (IndexedDB): they outlive a reload and a log-out.
   Nothing of a patient's label is kept, and no photo: of a photo nobody can tell what it shows. */

const DATABASE = "trace59";
const STORE = "waiting-scans";
const PATIENT_LABEL = /^.{0,4}IS(01|à&)/i; // "IS01" (ANS, Datamatrix INS), after an AIM identifier, or typed on AZERTY

let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function act(mode, work) {
  try {
    const transaction = (await open()).transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
    });
  } catch {
    return undefined; // storage forbidden by the browser: scans wait on this page only, as their cards say
  }
}

/** Test whether a text may be kept: a patient's label may not. */
export function mayKeep(scan) {
  return !scan.photo && !PATIENT_LABEL.test(scan.raw) && !PATIENT_LABEL.test(scan.first ?? "");
}

/** Keep a scan; `box` is the address that its box posts to, `person` who scanned it. */
export async function keepScan(scan, box, person) {
  if (mayKeep(scan)) {
    const { id, raw, keys, first, count, problem } = scan;
    await act("readwrite", (store) => store.put({ id, raw, keys, first, count, problem, box, person }));
  }
}

export async function forgetScan(id) {
  await act("readwrite", (store) => store.delete(id));
}

/** Return the scans kept for a box, or for all boxes, in the order they were read: their ids begin with the time. */
export async function keptScans(box = null) {
  const all = (await act("readonly", (store) => store.getAll())) ?? [];
  return all.filter((scan) => box === null || scan.box === box);
}
