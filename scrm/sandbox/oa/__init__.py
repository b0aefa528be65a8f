"""Official accounts: fans, their tags and messages, QR codes with scenes, menus, web login."""
