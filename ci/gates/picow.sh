#!/usr/bin/env bash
# weather and sensor of the Pico W on an emulated RP2040 with its radio, against nginx; `picow all`: seven apps, every refusal
# shellcheck source=ci/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# PICOW_AT_A_TIME: how many boards are emulated at a time; as many as there are cores unless it says otherwise.
pki=$root/target/picow/pki
python=$root/target/picow/venv/bin/python

# The root is in the programs, which are linked again when it changes: it is kept for as long as its certificates are good.
certificates() {
  if [ -z "$(find "$pki/complete" -mtime -20 2>/dev/null)" ]; then
    rm -rf "$pki"
    mkdir -p "$pki"
    bash tests/qemu/pki.sh "$pki" >"$pki/pki.log" 2>&1
    touch "$pki/complete"
  fi
}

emulator() {
  if ! cmp --quiet tests/picow/requirements.txt "${python%/bin/python}/installed.txt"; then
    # The servers first: that installs what Python needs to make an environment.
    PYTHONPATH=tests/interop python3 -c 'import servers; servers.install({})'
    python3 -m venv --clear "${python%/bin/python}"
    "$python" -m pip install --quiet --no-deps --require-hashes -r tests/picow/requirements.txt || {
      echo "the emulator (tests/picow/requirements.txt) cannot be installed: nothing was booted"
      return 1
    }
    cp tests/picow/requirements.txt "${python%/bin/python}/installed.txt"
  fi
}

programs() {
  local bins=(--bin weather --bin sensor)
  [ -z "${all:-}" ] || bins+=(--bin telemetry --bin download --bin clock --bin mqtt --bin websocket)
  cd examples/rp2040-w # for its .cargo/config.toml
  WIFI_SSID=emulated WIFI_PASSWORD=passphrase TLS_ROOT=$pki/root-p256.der \
    WEATHER_URL=https://api.test/json TELEMETRY_URL=https://api.test/httpbin/post \
    DOWNLOAD_URL=https://api.test/big CLOCK_URL=https://api.test/json \
    SENSOR_URL=https://api.test/httpbin/post SENSOR_SECONDS=20 \
    MQTT_HOST=api.test MQTT_SECONDS=2 WEBSOCKET_HOST=api.test \
    libraries=core,alloc cross build "$small" --release "${bins[@]}"
}

gate() {
  certificates
  emulator || return 1
  (programs)
  "$python" tests/picow/run.py "target/$small/release" "$pki" ${all:+all}
}

gate "$@"
