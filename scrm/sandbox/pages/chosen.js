// Whose phones are on the screen? All three may be empty.
export const chosen = { corpid: "", userid: "", customer: "", appid: "", openid: "" };

export function staffPhone(corpid, userid) { Object.assign(chosen, { corpid, userid }); }
export function fanPhone(appid, openid) { Object.assign(chosen, { appid, openid }); }
