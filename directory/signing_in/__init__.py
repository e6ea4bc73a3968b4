"""Who somebody is: passwords, app passwords, second factors, sessions, and the gate that judges them all."""
