//! The radio on the chip, with Espressif's driver.

use esp_hal::peripherals::WIFI;
use esp_radio::wifi::{
    AuthenticationMethod, Config, ControllerConfig, Interface, WifiController, WifiError, sta::StationConfig,
};

/// What the network stack sends and receives with.
pub(crate) type Device = Interface<'static>;

/// Starts the radio.
///
/// # Panics
/// If the heap is too small for it.
pub(crate) fn start(wifi: WIFI<'static>) -> (Device, Radio) {
    let (controller, interfaces) =
        esp_radio::wifi::new(wifi, ControllerConfig::default()).expect("the heap is large enough for the radio");
    (interfaces.station, Radio(controller))
}

/// The radio, once it runs.
pub(crate) struct Radio(WifiController<'static>);

impl station::link::Radio for Radio {
    type Error = WifiError;

    async fn join(&mut self, ssid: &str, passphrase: &str) -> Result<(), WifiError> {
        let method =
            if passphrase.is_empty() { AuthenticationMethod::None } else { AuthenticationMethod::Wpa2Personal };
        let station =
            StationConfig::default().with_ssid(ssid).with_password(passphrase.into()).with_auth_method(method);
        self.0.set_config(&Config::Station(station))?;
        self.0.connect_async().await.map(|_| ())
    }

    async fn leave(&mut self) {
        let _ = self.0.disconnect_async().await;
    }
}
