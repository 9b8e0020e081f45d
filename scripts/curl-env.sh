# Source this file: sets API, LAB and TOKEN from the caller's file that `esoz-notify up --lab` wrote.
#   . scripts/curl-env.sh demo-data/dev-client.json
_field() { sed -n "s/^ *\"$2\": \"\(.*\)\",*$/\1/p" "$1"; }
API=$(_field "$1" base_url)
LAB=$(_field "$1" lab_url)
TOKEN=$(curl -sS -u "$(_field "$1" client_id):$(_field "$1" client_secret)" -d grant_type=client_credentials \
  "$(_field "$1" token_url)" | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
export API LAB TOKEN
