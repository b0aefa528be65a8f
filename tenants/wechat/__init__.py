"""How do we speak with WeCom and the official accounts? The only importer of wechatpy."""
